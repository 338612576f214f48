-- expect: error the document cannot be changed
return {
  id = "document-write", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    r.metadata.name = 'x'
  end,
}
