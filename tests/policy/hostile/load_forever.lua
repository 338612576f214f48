-- expect: problem instruction limit reached while loading
while true do end
return {
  id = "load-forever", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    
  end,
}
