-- expect: error 'coroutine' is not there
return {
  id = "p05-coroutine", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    coroutine.wrap(function() while true do end end)()
  end,
}
