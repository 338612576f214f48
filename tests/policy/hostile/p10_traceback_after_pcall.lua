-- expect: error second
return {
  id = "p10-traceback-after-pcall", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    pcall(error, 'first')
    error('second')
  end,
}
