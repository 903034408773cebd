# When people work. The hours are in data.json, on the local clock of the input.
package portcullis.hours

import rego.v1

working if {
	input.context.weekday in data.hours.weekdays
	input.context.hour >= data.hours.from
	input.context.hour < data.hours.to
}

# Weights leave the house only at work, or from a country that the caller was in before.
export if input.action != "model:export"

export if working

export if input.behaviour.new_country == false

reasons contains {"code": "hours.export", "text": "no export outside working hours from a new country"} if not export
