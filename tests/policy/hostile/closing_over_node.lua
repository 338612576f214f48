-- expect: pass
-- then: error a part of an earlier document was kept
local kept
return {
  id = "closing-over-node", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none",
  check = function(r)
    if kept and kept.metadata.name ~= "x" then
      fail("read a document that is gone")
    end
    kept = r
  end,
}
