-- Firewalls of Google Cloud.
local plan = import("plan")

local function covers(list, port)
  if list == nil or #list == 0 then
    return true -- all ports of the protocol
  end
  for _, p in ipairs(list) do
    local ends = tostring(p):split("-")
    local from, to = tonumber(ends[1]), tonumber(ends[2] or ends[1])
    if from ~= nil and to ~= nil and from <= port and port <= to then
      return true
    end
  end
  return false
end

-- No ingress from everywhere to this TCP port.
local function closed(id, name, port, aliases, severity)
  return plan.policy {
    id = id, title = name .. " is not open to the internet", severity = severity, type = "google_compute_firewall", aliases = aliases, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.3.1", ["nist-800-53"] = "SC-7" },
    description = name .. " is tried by every scanner of the internet within minutes.",
    remediation = "Name the networks in source_ranges.",
    check = function(r)
      if plan.get(r, "direction") == "EGRESS" or plan.get(r, "disabled") == true then
        return not_applicable("no ingress")
      end
      local open
      for _, net in ipairs(plan.get(r, "source_ranges") or {}) do
        if cidr.is_any(net) then
          open = net
        end
      end
      for _, a in ipairs(open and plan.get(r, "allow") or {}) do
        local protocol = tostring(a.protocol):lower()
        if protocol == "all" or ((protocol == "tcp" or protocol == "6") and covers(a.ports, port)) then
          fail(a, "ports", "port " .. port .. " (" .. name .. ") is open to " .. open)
        end
      end
    end,
  }
end

return {
  closed("gcp-firewall-ssh", "SSH", 22, { "CKV_GCP_2" }, "HIGH"),
  closed("gcp-firewall-rdp", "Remote Desktop", 3389, { "CKV_GCP_3" }, "HIGH"),
  closed("gcp-firewall-mysql", "MySQL", 3306, { "CKV_GCP_88" }, "HIGH"),
}
