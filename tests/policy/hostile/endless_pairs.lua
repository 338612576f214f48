-- expect: error instruction limit
return {
  id = "endless-pairs", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = { a = 1 }
    for k in pairs(t) do
      while true do t[#t + 1] = nil end
    end
  end,
}
