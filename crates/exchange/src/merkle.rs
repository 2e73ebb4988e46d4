//! Merkle trees as in RFC 6962, 2.1: one root for many receipts, and a short path that proves one of them alone.

use base::sha256;

/// A digest.
pub type Hash = [u8; 32];

/// Returns the digest of a leaf.
pub fn leaf(bytes: &[u8]) -> Hash {
    sha256(&[&[0], bytes].concat())
}

/// Returns the root over leaves; the digest of nothing where there are none.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// Returns the digests that lead from the leaf at `place` to the root, nearest first.
pub fn path(leaves: &[Hash], place: usize) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, other) = if place < middle {
        (path(left, place), root(right))
    } else {
        (path(right, place - middle), root(left))
    };
    path.push(other);
    path
}

/// Returns the root to which a path leads from the leaf at `place` of `count`; nothing where the path does not fit.
pub fn climb(leaf: Hash, place: usize, count: usize, path: &[Hash]) -> Option<Hash> {
    if count <= place {
        return None;
    }
    if count == 1 {
        return path.is_empty().then_some(leaf);
    }
    let middle = split(count);
    let (other, path) = path.split_last()?;
    if place < middle {
        Some(node(&climb(leaf, place, middle, path)?, other))
    } else {
        Some(node(other, &climb(leaf, place - middle, count - middle, path)?))
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], &left[..], &right[..]].concat())
}

/// Returns the largest power of two below `count`.
fn split(count: usize) -> usize {
    assert!(1 < count, "a tree of one leaf is not split");
    1 << (usize::BITS - 1 - (count - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;

    #[test]
    fn roots_are_those_of_rfc_6962_implementations() {
        // The vectors of the certificate-transparency project.
        let leaves: Vec<Vec<u8>> = vec![
            vec![],
            vec![0x00],
            vec![0x10],
            vec![0x20, 0x21],
            vec![0x30, 0x31],
            vec![0x40, 0x41, 0x42, 0x43],
            (0x50..0x58).collect(),
            (0x60..0x70).collect(),
        ];
        let leaves: Vec<Hash> = leaves.iter().map(|bytes| leaf(bytes)).collect();
        let expected = [
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ];
        for (count, text) in expected {
            assert_eq!(hex(&root(&leaves[..count])), text);
        }
    }

    #[test]
    fn a_path_proves_its_leaf_and_no_other() {
        for count in 1..20_u8 {
            let leaves: Vec<Hash> = (0..count).map(|byte| leaf(&[byte])).collect();
            let top = root(&leaves);
            for place in 0..leaves.len() {
                let path = path(&leaves, place);
                assert_eq!(climb(leaves[place], place, leaves.len(), &path), Some(top));
                assert_ne!(climb(leaf(b"other"), place, leaves.len(), &path), Some(top));
                assert_eq!(climb(leaves[place], leaves.len(), leaves.len(), &path), None);
            }
        }
    }
}
