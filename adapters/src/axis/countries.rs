//! Countries as the vendor writes them: ISO 3166-1 alpha-3.

use turnpike_schemas::plate::Jurisdiction;

/// The country of an alpha-3 code; case-insensitive. `None` for a code that is not assigned.
pub(super) fn jurisdiction(alpha_3: &str) -> Option<Jurisdiction> {
    let code = <&[u8; 3]>::try_from(alpha_3.as_bytes())
        .ok()?
        .map(|b| b.to_ascii_uppercase());
    let (_, alpha_2) = CODES
        .split(' ')
        .filter_map(|pair| pair.split_at_checked(3))
        .find(|(known, _)| known.as_bytes() == code)?;
    Jurisdiction::parse(alpha_2).ok()
}

/// Assigned codes, each alpha-3 followed by alpha-2.
const CODES: &str = "ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI BELBE BENBJ BESBQ BFABF BGDBD \
BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT BVTBV BWABW CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM \
CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH \
ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL \
GTMGT GUFGF GUMGU GUYGY HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE JORJO \
JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA \
MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC \
NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY \
PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST \
SURSR SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV TWNTW TZATZ \
UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_a_country_and_none_is_used_twice() {
        let pairs: Vec<_> = CODES.split(' ').map(|pair| pair.split_at(3)).collect();
        assert_eq!(pairs.len(), 249);
        for part in [
            |pair: &(&'static str, &'static str)| pair.0,
            |pair: &(&'static str, &'static str)| pair.1,
        ] {
            let codes: BTreeSet<_> = pairs.iter().map(part).collect();
            assert_eq!(codes.len(), 249);
        }
        for (alpha_3, alpha_2) in pairs {
            let country = jurisdiction(&alpha_3.to_lowercase()).unwrap();
            assert_eq!(country.as_str(), alpha_2);
        }
    }

    #[test]
    fn what_is_no_alpha_3_code_is_no_country() {
        for code in ["", "U", "US", "USAA", "ZZZ", "US-", "ÜS", " US"] {
            assert_eq!(jurisdiction(code), None, "{code}");
        }
    }
}
