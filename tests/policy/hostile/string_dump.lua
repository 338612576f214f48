-- expect: error 'string.dump' is not defined
return {
  id = "string-dump", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    string.dump(function() end)
  end,
}
