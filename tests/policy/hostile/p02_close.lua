-- expect: error variable 'x' got a non-closable value
return {
  id = "p02-close", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local x <close> = { __close = function() while true do end end }
  end,
}
