-- expect: error memory limit
return {
  id = "memory-caught", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local function eat() local t = {} for i = 1, 1e9 do t[i] = { i } end end
    while true do pcall(eat) end
  end,
}
