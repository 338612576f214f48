-- expect: unknown 
return {
  id = "sort-ends-check", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.sort({ 3, 2, 1 }, function() unknown('in the order') end)
  end,
}
