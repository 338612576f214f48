-- expect: error 'getmetatable' is not there
return {
  id = "getmetatable", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    getmetatable('').__index.format = nil
  end,
}
