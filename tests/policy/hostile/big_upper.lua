-- expect: error instruction limit
return {
  id = "big-upper", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = ('a'):rep(1000000)
    for i = 1, 1e9 do s:len() end
  end,
}
