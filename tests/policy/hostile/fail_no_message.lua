-- expect: error the message is missing
return {
  id = "fail-no-message", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail()
  end,
}
