-- expect: error instruction limit
return {
  id = "many-fails-forever", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    while true do fail(r, 'spec', 'x') end
  end,
}
