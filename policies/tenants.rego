# Nobody reaches what belongs to another tenant.
package portcullis.tenants

import rego.v1

# The token is of the tenant that the rest of the input speaks of.
own if input.caller.tenant == input.tenant.id

own if data.portcullis.tiers.house

# Whatever the request names belongs to the caller's tenant, or the model to everybody.
isolated if {
	input.caller.tenant == input.tenant.id
	model
	dataset
}

# The house's own reach what belongs to everybody.
isolated if {
	data.portcullis.tiers.house
	not input.resource.model.tenant
	not input.resource.dataset
}

model if not input.resource.model.tenant

model if input.resource.model.tenant == input.caller.tenant

dataset if not input.resource.dataset

dataset if {
	input.resource.dataset.tenant == input.caller.tenant
	stays
}

# Data that must stay somewhere is only for tenants of that place.
stays if not input.resource.dataset.residency

stays if input.resource.dataset.residency == input.tenant.residency

# A scope names no tenant, or this one: "analytics:read:t123".
within(scope) if {
	parts := split(split(scope, "/")[0], ":")
	count(parts) == 2
}

within(scope) if {
	parts := split(split(scope, "/")[0], ":")
	parts[2] == input.tenant.id
}

reasons contains {"code": "tenant.foreign", "text": "this belongs to another tenant"} if not isolated
