-- expect: error 'debug' is not defined
return {
  id = "debug", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    debug.sethook()
  end,
}
