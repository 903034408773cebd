# Whether a request passes the gateway.
package portcullis.request

import rego.v1

default decision := {"allow": false}

# As usual.
decision := {"allow": true, "obligations": data.portcullis.tiers.obligations} if {
	allow
	data.portcullis.brakes.steady
}

# More than is usual: it goes on, with less.
else := {
	"allow": true,
	"obligations": data.portcullis.tiers.obligations,
	"scopes": data.portcullis.brakes.remaining,
	"reasons": data.portcullis.brakes.slowed,
} if {
	allow
}

else := {"allow": false, "reasons": reasons}

allow if {
	data.portcullis.tiers.active
	data.portcullis.tenants.isolated
	data.portcullis.tiers.reaches
	data.portcullis.agents.restrained
	data.portcullis.brakes.patient
}

reasons := (((data.portcullis.tiers.reasons | data.portcullis.tenants.reasons) | data.portcullis.agents.reasons) | data.portcullis.brakes.reasons)
