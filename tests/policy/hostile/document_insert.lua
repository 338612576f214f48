-- expect: error the document cannot be changed
return {
  id = "document-insert", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    table.insert(r.spec.containers, {})
  end,
}
