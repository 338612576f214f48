local t = import("expect")
return {
  id = "kube", title = "kube", severity = "LOW", applies_to = "kubernetes:Pod", remediation = "-",
  scope = "project",
  params = { max = 3, names = { "a", "b" }, text = "x" },
  check = function(r, params)
    t.eq(params.max, 3)
    t.eq(#params.names, 2)
    t.eq(params.names[2], "b")
    t.eq(params.nothing, nil)
    t.raises("cannot be changed", function() params.max = 4 end)
    t.raises("is a parameter", fail, params, "max", "x")
    t.eq(k8s.pod_spec(r), r.spec)
    t.eq(k8s.pod_metadata(r), r.metadata)
    t.eq(k8s.namespace(r), "default")
    local names = {}
    for i, c, list in k8s.containers(r) do
      names[#names + 1] = i .. c.name .. list
    end
    t.eq(names, { "1acontainers", "2bcontainers" })
    for _ in k8s.containers(r, "initContainers") do
      error("there are none")
    end
    local v, where = k8s.security(r, r.spec.containers[1], "privileged")
    t.eq(v, true)
    t.eq(where, r.spec.containers[1].securityContext)
    t.eq(k8s.security(r, r.spec.containers[2], "privileged"), nil)
    t.eq(k8s.selects(r.metadata.labels, r.metadata.labels), true)
    t.eq(k8s.selects(nil, r.metadata.labels), false)
    t.eq(has(r, "spec.containers[0].image"), true)
    t.eq(has(r, "spec.containers[5].image"), false)
    t.eq(get(r, "spec.containers[1].image"), "busybox:1")
    t.eq(get(r, { "spec", "containers", 1, "image" }), "busybox:1")
    t.eq(get(r, 'metadata.labels["app"]'), "x")
    t.eq(get(r, "metadata.nothing.more"), nil)
    t.eq(get({ a = { b = { 7 } } }, "a.b[0]"), 7)
    t.eq(is_unknown(r, "spec.containers[0].image"), false)
    t.raises("empty part", get, r, "a..b")
    t.raises("ends with a dot", get, r, "a.")
    t.raises("expected [0]", get, r, "a[x]")
    t.raises("expected [0]", get, r, "a[0")
    t.raises("more than 64 parts", get, r, ("a."):rep(100) .. "a")
    t.eq(resource_name(r), "Pod.default.web")
    t.eq(file_path(r), "pod.yaml")
    t.eq(parent(r), nil)
    t.eq(#resources("kubernetes:Pod"), 1)
    t.eq(resources("kubernetes:Pod")[1], r)
    t.eq(#resources("nothing"), 0)
    for i, other in ipairs(resources("kubernetes")) do
      t.eq(other, r)
    end
    t.eq(k8s.flag({}, "x"), nil)
    local value, list, at = k8s.flag(r.spec.containers[2], "--anonymous-auth")
    t.eq(value, nil)
    t.eq(json(r, "metadata.name"), nil)
    t.eq(json(r, "metadata"), r.metadata)
  end,
}
