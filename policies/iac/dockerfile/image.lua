-- What images are built from, and how stages refer to each other.

local docker = import("docker")

local function is_image(image)
  return image.stage == nil and image.scratch == nil
end

return {
  {
    id = "docker-image-tag-missing",
    title = "Base images name a version",
    severity = "MEDIUM",
    applies_to = "dockerfile:FROM",
    aliases = { "DL3006", "CKV_DOCKER_7", "DS-0001", "kics:9efb0b2d-89c9-41a3-91ca-dcc0aec911fd" },
    frameworks = { ["cis-docker"] = "4.2" },
    cwe = { 1104 },
    description = "Without a tag the image is whatever `latest` is on the day of the build.",
    remediation = "Write the tag of a version, or better a digest: FROM image:1.2@sha256:...",
    check = function(r)
      local image = r.image
      if not is_image(image) then
        not_applicable("no image of a registry")
      elseif image.tag == nil and image.digest == nil then
        fail(image, "the base image " .. image.reference .. " has no tag")
      end
    end,
  },
  {
    id = "docker-image-tag-latest",
    title = "Base images are not taken as `latest`",
    severity = "MEDIUM",
    applies_to = "dockerfile:FROM",
    aliases = { "DL3007", "CKV_DOCKER_7", "DS-0001", "kics:f45ea400-6bbe-4501-9fc7-1c3d75c32067" },
    frameworks = { ["cis-docker"] = "4.2" },
    cwe = { 1104 },
    description = "The tag `latest` moves: two builds of the same file give different images.",
    remediation = "Write the tag of a version, or a digest.",
    check = function(r)
      local image = r.image
      if not is_image(image) then
        not_applicable("no image of a registry")
      elseif image.tag == "latest" and image.digest == nil then
        fail(image, "the base image " .. image.reference .. " is the latest one")
      end
    end,
  },
  {
    id = "docker-platform-fixed",
    title = "FROM does not fix a platform",
    severity = "INFO",
    applies_to = "dockerfile:FROM",
    aliases = { "DL3029", "kics:b16e8501-ef3c-44e1-a543-a093238099c9" },
    default = false,
    description = "With a platform written into the file the image is for that one only, whatever the build asks for.",
    remediation = "Leave --platform out, or use $BUILDPLATFORM or $TARGETPLATFORM.",
    check = function(r)
      if has(r, "flags.platform") and not is_unknown(r, "flags.platform") then
        fail(r, "flags.platform", "FROM fixes the platform " .. r.flags.platform)
      end
    end,
  },
  {
    id = "docker-stage-names-unique",
    title = "Stages have different names",
    severity = "HIGH",
    applies_to = "dockerfile",
    aliases = { "DL3024", "CKV_DOCKER_11", "DS-0012", "kics:f2daed12-c802-49cd-afed-fe41d0b82fed" },
    description = "With two stages of one name, COPY --from and FROM take the one that stands nearer: rarely what was meant.",
    remediation = "Give every stage a name of its own.",
    check = function(r)
      local seen = {}
      for _, s in ipairs(r.stages) do
        local name = s.name
        if name ~= nil then
          name = name:lower()
          if seen[name] then
            fail(s.from, "the stage name " .. name .. " is used twice")
          end
          seen[name] = true
        end
      end
    end,
  },
  {
    id = "docker-copy-from-number",
    title = "COPY --from names the stage",
    severity = "LOW",
    applies_to = "dockerfile:COPY",
    aliases = { "kics:68a51e22-ae5a-4d48-8e87-b01a323605c9" },
    default = false,
    description = "A number points to another stage as soon as one is added or moved.",
    remediation = "Name the stage (FROM image AS name) and copy from that name.",
    check = function(r)
      if r.from_stage ~= nil and tonumber(r.from) ~= nil then
        fail(r, "flags.from", "copies from stage number " .. r.from)
      end
    end,
  },
  {
    id = "docker-copy-from-itself",
    title = "COPY --from takes from another stage",
    severity = "HIGH",
    applies_to = "dockerfile:COPY",
    aliases = { "DL3023", "DS-0006", "kics:cdddb86f-95f6-4fc4-b5a1-483d9afceb2b" },
    description = "A stage cannot copy from itself: the build fails, or takes an image of that name from a registry.",
    remediation = "Name the stage or image that holds the files.",
    check = function(r)
      if r.from_stage ~= nil and r.from_stage == r.stage then
        fail(r, "flags.from", "the stage copies from itself")
      end
    end,
  },
}
