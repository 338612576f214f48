-- expect: error no order
return {
  id = "sort-raises", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.sort({ 3, 2, 1 }, function() error('no order', 0) end)
  end,
}
