-- Which image runs, and that it is the one that was meant.
local pods = import("pods")

-- Calls judge(container, list, reference, parsed) for each image; stops where a template keeps
-- the name open.
local function each_image(r, judge)
  local open = false
  for _, c, list in k8s.containers(r) do
    if is_template(c.image) then
      open = true
    elseif type(c.image) == "string" then
      judge(c, list, c.image, image.parse(c.image))
    else
      judge(c, list, tostring(c.image or ""), nil)
    end
  end
  if open then
    unknown("the image is named by a template")
  end
end

return {
  {
    id = "k8s-image-tag",
    title = "Images are named with a tag other than latest, or with a digest",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_14", "KSV-0013", "kics:583053b7-e632-46f0-b989-f81ff8045385" },
    description = "What latest, or no tag at all, stands for changes: nodes run different images under the same manifest, and going back is impossible.",
    remediation = "Name the version as tag, or better the digest.",
    cwe = { 1104 },
    check = function(r)
      each_image(r, function(c, list, reference, ref)
        if ref == nil then
          fail(c, "image", pods.label(c, list) .. " has no valid image name: " .. reference)
        elseif ref.digest == nil and (ref.tag == nil or ref.tag == "latest") then
          fail(c, "image", pods.label(c, list) .. " runs " .. reference .. (ref.tag and "" or ", which means latest"))
        end
      end)
    end,
  },
  {
    id = "k8s-image-digest",
    title = "Images are named with their digest",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_43", "kics:7c81d34c-8e5a-402b-9798-9f442630e678" },
    description = "A tag can be moved to another image; a digest cannot.",
    remediation = "Append @sha256:... to the image name.",
    cwe = { 494 },
    check = function(r)
      each_image(r, function(c, list, reference)
        if not reference:contains("@") then
          fail(c, "image", pods.label(c, list) .. " runs " .. reference .. " without a digest")
        end
      end)
    end,
  },
  {
    id = "k8s-image-pull-policy",
    title = "Images are pulled each time a container starts, unless a digest names them",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_15", "kics:caa3479d-885d-4882-9aac-95e5e78ef5c2" },
    description = "With another policy a node runs whatever image it has under that name, also for pods that have no right to pull it.",
    remediation = "Set imagePullPolicy to Always, or name the image by its digest.",
    cwe = { 494 },
    check = function(r)
      each_image(r, function(c, list, _, ref)
        local policy = c.imagePullPolicy
        if policy == "Always" then
          return
        end
        if policy == nil and (ref.digest ~= nil or ref.tag == nil or ref.tag == "latest") then
          return
        end
        fail(c, "imagePullPolicy", pods.label(c, list) .. " does not always pull its image", { set = "Always" })
      end)
    end,
  },
  {
    id = "k8s-image-registry",
    title = "Images come from registries that are trusted",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0125" },
    description = "An image from anywhere is a program from anywhere. The list of registries is a parameter; with an empty list the policy has no opinion.",
    remediation = "Pull through a registry of the list, or add the registry to the parameter `registries`.",
    cwe = { 829 },
    default = false,
    params = { registries = { "docker.io", "gcr.io", "ghcr.io", "k8s.gcr.io", "mcr.microsoft.com", "public.ecr.aws", "quay.io",
      "registry.k8s.io" } },
    check = function(r, params)
      if #params.registries == 0 then
        not_applicable("no registries are listed")
      end
      each_image(r, function(c, list, reference, ref)
        local from = ref.registry or "docker.io"
        for _, allowed in ipairs(params.registries) do
          if from == allowed or from:endswith("." .. allowed) then
            return
          end
        end
        fail(c, "image", pods.label(c, list) .. " runs " .. reference .. " from a registry that is not listed")
      end)
    end,
  },
}
