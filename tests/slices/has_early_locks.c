/* SPDX-License-Identifier: MIT */
int early_locks(void);

int main(void)
{
	return early_locks();
}
