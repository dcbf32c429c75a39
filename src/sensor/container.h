// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Which container a process is in, from the name of its control group.
 */
#include "base/reader.h"

/*
 * Finds the container's id in a control group's path or in its last part. The last part that
 * says something wins (a container that runs systemd has control groups of its own below):
 *   docker-<hex>.scope, cri-containerd-<hex>.scope, libpod-<hex>.scope, crio-<hex>.scope (systemd
 *   naming), <64 hex> (cgroupfs naming), "...:cri-containerd:<hex>" (containerd on Kubernetes),
 *   lxc.payload.<name>, lxc/<name>, machine-<name>.scope (systemd-nspawn).
 * Helpers that stand outside of the container (libpod-conmon-..., lxc.monitor...) are none.
 * `ret_id` is a view into `path`; false when the path names no container.
 */
bool container_id(const void *path, size_t size, struct bytes *ret_id);
