-- expect: pass
return {
  id = "sort-shrinks", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = { 5, 4, 3, 2, 1 }
    table.sort(t, function(a, b)
      for i = 1, 5 do t[i] = nil end
      return a < b
    end)
    if #t ~= 5 then fail('lost') end
  end,
}
