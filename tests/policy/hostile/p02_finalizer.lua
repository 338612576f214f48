-- expect: error 'setmetatable' is not there
return {
  id = "p02-finalizer", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    setmetatable({}, { __gc = function() while true do end end })
  end,
}
