# What goes into the token of a person or service.
package portcullis.token

import rego.v1

default decision := {"allow": false}

decision := {"allow": true, "scopes": granted, "obligations": {"max_ttl": data.portcullis.tiers.max_ttl}} if allow

decision := {"allow": false, "reasons": reasons} if not allow

allow if {
	data.portcullis.tiers.active
	data.portcullis.tenants.own
	data.portcullis.brakes.patient
	something
}

# Whoever only signs in asks for nothing that a tier could have.
something if count(granted) > 0

something if count(input.caller.scopes) == 0

# Of what was granted so far: paid for, and not another tenant's.
granted contains scope if {
	some scope in input.caller.scopes
	data.portcullis.tiers.has(scope)
	data.portcullis.tenants.within(scope)
	fit(scope)
}

# An agent's own token has only what agents may have.
fit(_) if not input.client.agent

fit(scope) if data.portcullis.agents.allowed(scope)

reasons contains {"code": "tenant.state", "text": "the tenant's subscription is not active"} if not data.portcullis.tiers.active

reasons contains {"code": "tenant.foreign", "text": "the caller belongs to another tenant"} if not data.portcullis.tenants.own

reasons contains {"code": "scope.none", "text": "nothing is left of the scopes asked for"} if not something

reasons contains reason if some reason in data.portcullis.brakes.reasons
