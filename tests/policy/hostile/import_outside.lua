-- expect: problem no library '../hostile/x'
import('../hostile/x')
return {
  id = "import-outside", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    
  end,
}
