-- expect: error 
return {
  id = "shell-huge", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = ('echo a; '):rep(100000)
    for i = 1, 1e6 do shell.commands(s .. i) end
  end,
}
