# What a tenant has paid for. The tiers themselves are in data.json.
package portcullis.tiers

import rego.v1

# A tier that data.json does not know is no tier: nothing below holds.
tier := data.tiers[input.tenant.tier]

tier := data.house if house

# The operator's own people and services belong to no tenant, and neither does whoever acts for them.
house if {
	not input.tenant
	every who in ["caller", "subject", "actor", "client"] {
		object.get(input, [who, "tenant"], "") == ""
	}
}

# Suspended and ended tenants have nothing.
active if input.tenant.state == "active"

active if house

# The model is of a class that the tier has. A model without a class is reached by nobody.
reaches if input.resource.model.class in data.tiers[input.tenant.tier].classes

reaches if {
	tier
	not input.resource.model
}

reaches if {
	house
	input.resource.model.class in data.house.classes
}

# The contract's own limit, where it has one; else the tier's.
obligations := {"max_output_tokens": object.get(input.tenant.limits, "max_output_tokens", tier.max_output_tokens)}

obligations := {"max_output_tokens": data.house.max_output_tokens} if house

# How long a token lives at most, in seconds.
max_ttl := tier.max_ttl

# Whether the tier has this scope, for all resources of its kind.
has(scope) if verb(scope) in tier.scopes

# What the house's own may have is in their roles and clients.
has(_) if house

# "mcp:call/github" and "mcp:call:t123" are both "mcp:call".
verb(scope) := concat(":", array.slice(split(split(scope, "/")[0], ":"), 0, 2))

reasons contains {"code": "tenant.state", "text": "the tenant's subscription is not active"} if not active

reasons contains {"code": "tier.unknown", "text": "the tenant's tier is not known"} if not tier

reasons contains {"code": "tier.model", "text": "the tenant's tier does not reach this model"} if {
	tier
	not reaches
}
