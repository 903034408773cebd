# Whether an act of management is done.
package portcullis.manage

import rego.v1

default decision := {"allow": false}

decision := {"allow": true} if allow

decision := {"allow": false, "reasons": reasons} if not allow

allow if {
	data.portcullis.roles.may
	data.portcullis.roles.own
	data.portcullis.roles.strong
	data.portcullis.roles.at_rest
	person
	data.portcullis.hours.export
	data.portcullis.networks.trusted
	data.portcullis.brakes.patient
}

# Management is for people, not for agents that act for them.
person if count(input.caller.act) == 0

reasons contains {"code": "agent.manage", "text": "only a person may do this, not an agent for them"} if not person

reasons contains reason if some reason in data.portcullis.roles.reasons

reasons contains reason if some reason in data.portcullis.hours.reasons

reasons contains reason if some reason in data.portcullis.networks.reasons

reasons contains reason if some reason in data.portcullis.brakes.reasons
