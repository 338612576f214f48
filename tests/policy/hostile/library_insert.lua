-- expect: error cannot be changed
return {
  id = "library-insert", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.insert(string, 'x')
  end,
}
