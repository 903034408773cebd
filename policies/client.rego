# What a client may be granted for itself.
package portcullis.client

import rego.v1

default decision := {"allow": false}

decision := {"allow": true, "scopes": granted, "obligations": {"max_ttl": data.portcullis.tiers.max_ttl}} if allow

decision := {"allow": false, "reasons": reasons} if not allow

allow if {
	data.portcullis.tiers.active
	own
	input.client.confidential
	count(granted) > 0
}

own if input.client.tenant == input.tenant.id

own if data.portcullis.tiers.house

# Asked for, registered for, paid for, and not another tenant's.
granted contains scope if {
	some scope in input.requested
	data.portcullis.agents.held(input.client.scopes, scope)
	data.portcullis.tiers.has(scope)
	data.portcullis.tenants.within(scope)
}

reasons contains {"code": "tenant.state", "text": "the tenant's subscription is not active"} if not data.portcullis.tiers.active

reasons contains {"code": "tenant.foreign", "text": "the client belongs to another tenant"} if not own

reasons contains {"code": "client.public", "text": "a public client gets nothing for itself"} if not input.client.confidential

reasons contains {"code": "scope.none", "text": "nothing is left of the scopes asked for"} if count(granted) == 0
