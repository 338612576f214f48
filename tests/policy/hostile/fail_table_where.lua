-- expect: error 'where' is a table value
return {
  id = "fail-table-where", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail({}, 'x', 'y')
  end,
}
