-- expect: error is not available
return {
  id = "format-zero-conversion", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail(string.format('%5\\0', 1))
  end,
}
