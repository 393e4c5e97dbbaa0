/* SPDX-License-Identifier: MIT */
/* status.h - the list of status codes that this server answers with. */
#ifndef SERVER_STATUS_H
#define SERVER_STATUS_H

#define STATUS_LIST(ENTRY)                                                                                             \
	ENTRY(200, "OK")                                                                                               \
	ENTRY(400, "Bad Request")                                                                                      \
	ENTRY(404, "Not Found")                                                                                        \
	ENTRY(405, "Method Not Allowed")                                                                               \
	ENTRY(408, "Request Timeout")                                                                                  \
	ENTRY(413, "Content Too Large")                                                                                \
	ENTRY(414, "URI Too Long")                                                                                     \
	ENTRY(417, "Expectation Failed")                                                                               \
	ENTRY(431, "Request Header Fields Too Large")                                                                  \
	ENTRY(501, "Not Implemented")                                                                                  \
	ENTRY(503, "Service Unavailable")                                                                              \
	ENTRY(505, "HTTP Version Not Supported")

#define STATUS_NAME(code, text) STATUS_##code,
enum status { STATUS_LIST(STATUS_NAME) STATUSES };
#undef STATUS_NAME

#endif
