-- expect: error 'os' is not there
return {
  id = "os", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    os.exit(0)
  end,
}
