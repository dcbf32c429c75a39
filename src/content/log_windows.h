// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Windows events (MS-EVEN6, the schema of http://schemas.microsoft.com/win/2004/08/events/event),
 * whoever wrote them down: event logs, XML or JSON. Their readers hand in each value under its
 * place in the event; here it gets the name by which Sigma knows it.
 *
 *     System/Provider/@Name    Provider_Name        EventData/Data[@Name='Image']   Image
 *     System/Provider/@Guid    Provider_Guid        EventData/Data                  Data
 *     System/EventID           EventID              EventData/Binary                Binary
 *     System/Security/@UserID  UserID               UserData/.../Param              Param
 *
 * A name with spaces ("Threat Name", Windows Defender) counts without them too ("ThreatName") and
 * with underscores ("Threat_Name"): rules write both.
 */
#include "content/log_fields.h"

/* A value below System: `element` is the last element's name, `attribute` empty for its text. */
RESULT log_windows_add_system(struct log_fields *fields, struct bytes element,
                              struct bytes attribute, struct bytes value);
/* A value below EventData or UserData: of an element with a Name, or (`name` empty) without. */
RESULT log_windows_add_data(struct log_fields *fields, struct bytes element, struct bytes name,
                            struct bytes value);

/* A value under a dotted name as JSON has it ("Event.System.EventID", "winlog.event_data.Image");
 * names that are not Windows' are left as they are. */
struct log_windows_names {
    struct bytes pending; /* the Name of an element whose text follows */
};
RESULT log_windows_add_dotted(struct log_fields *fields, struct log_windows_names *names,
                              struct bytes dotted, struct bytes value);
