"""Constant sparse matrices that networks multiply by: torch CSR, differentiable in the dense factor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor


@dataclass(frozen=True)
class SparseOperator:
    """A constant sparse matrix that can be multiplied and differentiated through."""

    matrix: Tensor  # sparse CSR (R, C)
    transposed: Tensor  # sparse CSR (C, R); the same object where the matrix is symmetric

    def __matmul__(self, dense: Tensor) -> Tensor:
        """(R, C) @ (C, D) -> (R, D)"""
        return _SparseProduct.apply(dense, self.matrix, self.transposed)


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, dense, matrix, transposed):
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx, upstream):
        return ctx.transposed @ upstream.contiguous(), None, None


def sparse_operator(
    matrix: sparse.csr_matrix,
    *,
    symmetric: bool = False,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> SparseOperator:
    """Move a scipy matrix to the device; a symmetric one is stored once."""
    forward = csr_tensor(matrix, device=device, dtype=dtype)
    if symmetric:
        return SparseOperator(forward, forward)
    return SparseOperator(forward, csr_tensor(sparse.csr_matrix(matrix.T), device=device, dtype=dtype))


def csr_tensor(
    matrix: sparse.csr_matrix, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Tensor:
    """scipy CSR to torch sparse CSR with 32-bit indices where they suffice."""
    index = np.int32 if max(matrix.nnz, *matrix.shape) < 2**31 else np.int64
    pointer, column = (torch.as_tensor(part.astype(index)) for part in (matrix.indptr, matrix.indices))
    value = torch.as_tensor(matrix.data.astype(np.float64)).to(dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse (CSR|invariant)")  # nothing the user could act on
        tensor = torch.sparse_csr_tensor(pointer, column, value, matrix.shape, check_invariants=False)
    return tensor.to(device)
