package portcullis.hours_test

import rego.v1

at(weekday, hour) := {
	"action": "model:export",
	"context": {"weekday": weekday, "hour": hour},
	"behaviour": {"new_country": true},
}

test_monday_at_nine_is_work if data.portcullis.hours.working with input as at("monday", 9)

test_the_first_hour_counts_and_the_last_does_not if {
	data.portcullis.hours.working with input as at("friday", 8)
	not data.portcullis.hours.working with input as at("friday", 19)
	not data.portcullis.hours.working with input as at("friday", 7)
}

test_sunday_is_not_work if not data.portcullis.hours.working with input as at("sunday", 9)

test_no_export_at_night_from_a_new_country if {
	not data.portcullis.hours.export with input as at("monday", 23)
	some reason in data.portcullis.hours.reasons with input as at("monday", 23)
	reason.code == "hours.export"
}

test_export_at_night_from_home if {
	data.portcullis.hours.export with input as object.union(at("monday", 23), {"behaviour": {"new_country": false}})
}

test_other_acts_are_done_at_night if {
	data.portcullis.hours.export with input as object.union(at("monday", 23), {"action": "model:list"})
}
