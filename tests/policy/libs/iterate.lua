local t = import("expect")
local function collect(iterator, ...)
  local out = {}
  for k, v in iterator(...) do
    out[#out + 1] = tostring(k) .. "=" .. tostring(v)
  end
  return table.concat(out, " ")
end
return {
  id = "iterate", title = "iterate", severity = "LOW", applies_to = "kubernetes", remediation = "-",
  check = function(r)
    t.eq(collect(pairs, r.metadata), "name=web labels=(map)")
    t.eq(collect(ipairs, r.spec.containers), "1=(map) 2=(map)")
    t.eq(collect(pairs, r.spec.containers), "1=(map) 2=(map)")
    t.eq(collect(ipairs, r.metadata), "")
    t.eq(collect(pairs, nil), "")
    t.eq(collect(ipairs, nil), "")
    t.eq(collect(pairs, "text"), "")
    t.eq(collect(pairs, { "a", "b", "c" }), "1=a 2=b 3=c")
    t.eq(collect(ipairs, { "a", nil, "c" }), "1=a")
    t.eq(collect(pairs, { [3] = "c", [1] = "a" }), "1=a 3=c")
    t.eq(collect(pairs, { [1] = "a", [3] = "b", [5] = "c" }), "1=a 3=b 5=c")
    t.eq(collect(pairs, { z = 1, a = 2, [10] = 3, [2.5] = 4, [true] = 5 }), "true=5 2.5=4 10=3 a=2 z=1")
    t.eq(next({}), nil)
    t.eq(next(nil), nil)
    t.eq({ next({ b = 1, a = 2 }) }, { "a", 2 })
    t.eq({ next({ b = 1, a = 2 }, "a") }, { "b", 1 })
    t.eq(next({ b = 1, a = 2 }, "b"), nil)
    t.eq((next(r.metadata)), "name")
    t.eq((next(r.metadata, "name")), "labels")
    t.eq(next(r.metadata, "labels"), nil)
    t.eq((next(r.spec.containers)), 1)
    t.eq(next(r.spec.containers, 2), nil)
    t.eq(keys(r.metadata), { "name", "labels" })
    t.eq(keys({ b = 1, a = 1 }), { "a", "b" })
    t.eq(keys(nil), {})
    t.raises("have no order", pairs, { [{}] = 1, a = 2 })
    local seen = {}
    local removing = { a = 1, b = 2, c = 3 }
    for k in pairs(removing) do
      seen[#seen + 1] = k
      removing.b = nil
    end
    t.eq(seen, { "a", "c" })
  end,
}
