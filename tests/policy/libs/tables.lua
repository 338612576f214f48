local t = import("expect")
return {
  id = "tables", title = "tables", severity = "LOW", applies_to = "kubernetes", remediation = "-",
  check = function(r)
    local list = { "b", "c" }
    table.insert(list, "d")
    table.insert(list, 1, "a")
    t.eq(list, { "a", "b", "c", "d" })
    t.eq(table.remove(list), "d")
    t.eq(table.remove(list, 1), "a")
    t.eq(list, { "b", "c" })
    t.eq(table.remove({}), nil)
    t.raises("out of bounds", table.insert, {}, 5, "x")
    t.raises("out of bounds", table.remove, { 1 }, 7)
    t.raises("wrong number of arguments", table.insert, {})
    t.eq(table.concat({ 1, "a", 2.5 }, ", "), "1, a, 2.5")
    t.eq(table.concat({}), "")
    t.eq(table.concat({ "a", "b", "c" }, "", 2, 3), "bc")
    t.raises("item 1 is a table value", table.concat, { {} })
    t.raises("out of bounds", table.concat, {}, "", 1, 1e9)
    t.eq({ table.unpack({ 1, 2, 3 }, 2) }, { 2, 3 })
    t.raises("too many results", table.unpack, {}, 1, 1e8)
    t.raises("too many results", table.unpack, {}, math.mininteger, math.maxinteger)
    t.eq(table.pack(1, nil, 3), { 1, nil, 3, n = 3 })
    local sorted = { 3, 1, 2 }
    table.sort(sorted)
    t.eq(sorted, { 1, 2, 3 })
    table.sort(sorted, function(a, b) return a > b end)
    t.eq(sorted, { 3, 2, 1 })
    local stable = { { "b", 1 }, { "a", 1 }, { "c", 0 } }
    table.sort(stable, function(a, b) return a[2] < b[2] end)
    t.eq(stable[2][1] .. stable[3][1], "ba")
    local random = {}
    for i = 1, 100 do
      random[i] = (i * 37) % 101
    end
    table.sort(random)
    for i = 2, 100 do
      t.eq(random[i - 1] <= random[i], true)
    end
    table.sort(random, function() return true end) -- no order at all: it ends
    t.eq(#random, 100)
    t.raises("attempt to compare", table.sort, { 1, "a" })
    t.raises("the document cannot be changed", table.insert, r.spec.containers, 1)
    t.raises("the document cannot be changed", table.sort, r.spec.containers)
    t.raises("cannot be changed", table.insert, string, "x")
    t.eq(table.concat(keys(r.spec), ","), "containers")
    t.eq(math.floor(2.7), 2)
    t.eq(math.ceil(2.1), 3)
    t.eq(math.floor(1e300), 1e300)
    t.eq(math.abs(-3), 3)
    t.eq(math.abs(math.mininteger), math.mininteger)
    t.eq(math.max(1, 3, 2), 3)
    t.eq(math.min(1, 3, -2.5), -2.5)
    t.eq(math.tointeger(3.0), 3)
    t.eq(math.tointeger("3"), nil)
    t.eq(math.type(1), "integer")
    t.eq(math.type(1.0), "float")
    t.eq(math.type("1"), nil)
    t.eq(math.fmod(7, 3), 1.0)
    t.eq(math.sqrt(9), 3.0)
    t.eq(math.ult(1, -1), true)
    t.raises("the same input gives the same verdict", function() return math.random end)
  end,
}
