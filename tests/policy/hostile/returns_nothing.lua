-- expect: not_applicable
return {
  id = "returns-nothing", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    if r.nothing then return nil end
    return not_applicable()
  end,
}
