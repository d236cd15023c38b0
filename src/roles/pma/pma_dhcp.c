/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP relay of the proxy mobile agent: what the state machine tells it.
 */
#include "roles/pma/pma.h"

void
dhcp_node_ready(struct bule *b)
{
	(void)b;
}

void
dhcp_node_gone(struct bule *b)
{
	(void)b;
}

void
dhcp_node_free(struct bule *b)
{
	(void)b;
}
