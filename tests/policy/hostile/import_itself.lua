-- expect: problem imports itself
import('loop')
return {
  id = "import-itself", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    
  end,
}
