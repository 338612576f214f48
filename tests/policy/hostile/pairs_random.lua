-- expect: pass
return {
  id = "pairs-random", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t, s = {}, ''
    for _, k in ipairs({ 'q', 'b', 'z', 'a' }) do t[k] = 1 end
    for k in pairs(t) do s = s .. k end
    if s ~= 'abqz' then fail('order ' .. s) end
  end,
}
