# What a token exchange yields: no right that one side lacks.
package portcullis.exchange

import rego.v1

default decision := {"allow": false}

decision := {
	"allow": true,
	"scopes": granted,
	"datasets": datasets,
	"obligations": {"max_ttl": max_ttl},
} if {
	allow
}

decision := {"allow": false, "reasons": reasons} if not allow

allow if {
	data.portcullis.tiers.active
	together
	named
	data.portcullis.brakes.patient
	count(granted) > 0
}

# user ∩ agent ∩ task, of which the trust, the tier and the tenant leave a part.
granted contains scope if {
	some scope in data.portcullis.agents.granted
	trusted(scope)
	data.portcullis.tiers.has(scope)
	data.portcullis.tenants.within(scope)
}

# A token of our own came under no trust; its own scopes are its ceiling.
trusted(_) if not input.trust

trusted(scope) if data.portcullis.agents.held(input.trust.scopes, scope)

datasets contains dataset if {
	some dataset in input.datasets
	dataset in input.tenant.datasets
}

datasets contains dataset if {
	data.portcullis.tiers.house
	some dataset in input.datasets
}

# Who acts stays in the token, unless the trust and the client may both leave it out.
named if input.impersonation == false

named if {
	input.impersonation
	input.trust.impersonation
	"exchange:impersonate" in input.client.scopes
}

max_ttl := min([data.portcullis.tiers.max_ttl, data.agents.max_ttl])

reasons contains {"code": "tenant.state", "text": "the tenant's subscription is not active"} if not data.portcullis.tiers.active

reasons contains {"code": "tenant.foreign", "text": "subject, client and tenant do not belong together"} if not together

together if {
	input.subject.tenant == input.tenant.id
	input.client.tenant == input.tenant.id
}

# A client of the house may act for any tenant whose trust let the token in.
together if {
	input.subject.tenant == input.tenant.id
	not input.client.tenant
}

together if data.portcullis.tiers.house

reasons contains {"code": "exchange.impersonation", "text": "impersonation is not permitted"} if not named

reasons contains {"code": "scope.none", "text": "nothing is left of the scopes asked for"} if count(granted) == 0

reasons contains reason if some reason in data.portcullis.brakes.reasons
