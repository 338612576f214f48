-- expect: error for the top of a file
return {
  id = "import-late", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    import('loop')
  end,
}
